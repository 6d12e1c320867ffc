"""Engine of emotion-monitor: values, pure state machines, the LTU-AS model and its worker. No UI, no network."""
