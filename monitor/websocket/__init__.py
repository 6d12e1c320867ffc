"""Sound over WebSocket: the conversation with a client, and the server that holds it."""
