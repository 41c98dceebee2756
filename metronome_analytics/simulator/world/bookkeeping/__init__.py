"""Keeps the books of one customer: usage is metered day by day, balances are drawn down, invoices are cut."""
