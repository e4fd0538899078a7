# A topic, who may publish on it, and where a message goes that was given up on. Subscriptions stand with the functions that they
# push to.

resource "google_pubsub_topic" "this" {
  project = var.project
  name    = var.name
  labels  = var.labels

  # Also without a subscriber that takes it, such as between two deployments.
  message_retention_duration = "604800s"

  lifecycle {
    # A topic that is made again has lost its subscriptions, and nobody would hear of an alert.
    prevent_destroy = true
  }
}

resource "google_pubsub_topic" "dead" {
  project = var.project
  name    = "${var.name}-dead"
  labels  = var.labels

  message_retention_duration = "604800s"

  lifecycle {
    prevent_destroy = true
  }
}
