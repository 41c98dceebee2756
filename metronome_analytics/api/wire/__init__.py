"""What each endpoint answers, as polars dtypes, in the API's own field names: declared, never inferred.

`tests/api/test_wire.py` compares all of it with the vendor's OpenAPI file, field by field.
"""
