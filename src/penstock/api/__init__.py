"""The HTTP edge: one app of all the stages' endpoints, with sign-in, limits, paging and problems in one shape."""
