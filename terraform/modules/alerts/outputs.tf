output "channel" {
  description = "Name of the channel to dr-alerts, once Monitoring may publish there."
  value       = google_monitoring_notification_channel.alerts.name
  depends_on  = [google_pubsub_topic_iam_member.monitoring]
}

output "policies" {
  description = "Names of the alert policies by what they are called."
  value       = { for name, policy in google_monitoring_alert_policy.scenario : name => policy.name }
}
