"""Changes to pages and scripts, as they happen: one reader of the feed a process, any number of listeners."""
