"""Whether what this package relies on is true of an account: read-only, in a few dozen requests."""
