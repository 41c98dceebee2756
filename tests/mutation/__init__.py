"""Mutation tests: change one thing in a module, run the tests of the module, and see whether one of them notices."""
