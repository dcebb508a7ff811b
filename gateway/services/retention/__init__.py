"""What goes by itself: old and surplus memories and messages, each safely in its archive before it goes."""
