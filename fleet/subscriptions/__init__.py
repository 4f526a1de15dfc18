"""What a partner has paid for: the services that subscriptions bring."""
