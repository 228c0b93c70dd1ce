"""The other side of `team`, as a real application with a page; `app` joins the parts."""
