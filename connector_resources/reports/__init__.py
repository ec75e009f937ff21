"""Reports for finance people: one HTML file that opens anywhere without a network, and the same as a workbook."""
