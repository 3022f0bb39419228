"""What a genomics delivery says of people: names of samples, free texts, and ids of senders."""
