"""What a process needs around it: messages, standard streams, signals, how it ends, whether all is installed."""
