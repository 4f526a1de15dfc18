"""Points that partners get when bought subscriptions are assigned."""
