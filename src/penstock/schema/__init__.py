"""The database: migrations make state in `app`, faces are rebuilt over it on every upgrade."""
