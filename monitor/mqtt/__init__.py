"""The MQTT wire: where the broker is, what is said on which topic, and one connection to it."""
