"""`convert --max-drop`: finds the fastest INT8 model that loses no more accuracy than allowed."""
