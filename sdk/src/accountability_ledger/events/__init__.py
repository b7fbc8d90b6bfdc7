"""The event types as frozen structs: the one source of the schemas, the validation and the typed producer."""
