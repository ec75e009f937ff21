"""The OData v4 half of the stand-in: types, filters, paging, ETags, bodies, metadata and batches, free of bookkeeping."""
