output "dead" {
  description = "Name of the topic of dead letters, once Pub/Sub may publish there."
  value       = google_pubsub_topic.dead.name
  depends_on  = [google_pubsub_topic_iam_member.dead_letters]
}

output "id" {
  description = "Id of the topic, projects/P/topics/T, once its publishers may publish."
  value       = google_pubsub_topic.this.id
  depends_on  = [google_pubsub_topic_iam_member.publisher]
}

output "name" {
  description = "Name of the topic."
  value       = google_pubsub_topic.this.name
}
