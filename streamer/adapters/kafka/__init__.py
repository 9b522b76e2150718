"""Kafka in and out, on confluent-kafka."""
