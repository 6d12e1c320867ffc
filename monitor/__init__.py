"""The live program: sources, pipeline, sinks, dashboard and command line."""
