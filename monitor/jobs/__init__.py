"""Utterances that another machine reads, over an MQTT 5 broker: who asks keeps a job until it is answered."""
