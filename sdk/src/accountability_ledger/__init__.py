"""Records what a service does with personal data: event types, validation, and the clients that publish them."""
