"""The account behind HTTP: the application, its faults and log, and the simulator that holds it all."""
