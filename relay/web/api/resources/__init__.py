"""The operations, a module for each kind of thing. `OPERATIONS` of each is put together in `relay.web.api.table`."""
