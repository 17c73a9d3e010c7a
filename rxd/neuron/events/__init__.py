"""Events: the queue, connections, artificial cells, and who looks for spikes."""
