"""The loaders of an account, one module a resource; `Account` is all of them together."""
