"""What goes over the wire: events and commands, their codec, their JSON Schemas."""
