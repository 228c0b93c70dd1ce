"""`/api/v1`: one table of operations drives router, rights and the OpenAPI document."""
