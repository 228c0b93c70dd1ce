"""From a lane to the other side: claim, attempt, judge, and what happens next."""
