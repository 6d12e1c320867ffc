"""Shows monitors elsewhere, and what is asked of them, over an MQTT broker."""
