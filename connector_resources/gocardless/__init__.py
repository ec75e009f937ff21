"""GoCardless: types, client, windowed reading, webhook verification and the resource that builds them."""
