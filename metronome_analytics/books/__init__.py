"""The books of an account: loaded whole, reconciled for a month, and closed into a folder of files."""
