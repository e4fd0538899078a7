# What each copy hears of: push subscriptions of our own, and not a trigger's, whose acknowledgement deadline, retention and number of
# attempts are not ours to set (docs/deployment.md).

locals {
  heard = merge([
    for region in var.regions : {
      for name, heard in var.topics : "${name}/${region}" => { region = region, topic = heard.topic, dead = heard.dead }
    }
  ]...)
}

resource "google_pubsub_subscription" "heard" {
  for_each = local.heard

  project = var.project
  name    = "dr-${var.name}-${each.value.topic}-${each.value.region}"
  topic   = each.value.topic
  labels  = var.labels

  # For a push this is the time that the request may take: the most that Pub/Sub allows, above the function's own 540 s.
  ack_deadline_seconds       = 600
  message_retention_duration = "604800s"

  # A subscription that nothing was delivered to for a month is no reason to remove it.
  expiration_policy {
    ttl = ""
  }

  # With twenty attempts, two and a half hours before a message is given up.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  push_config {
    # The path tells the functions framework which topic a message comes from.
    push_endpoint = "${google_cloudfunctions2_function.copy[each.value.region].service_config[0].uri}/projects/${var.project}/topics/${each.value.topic}"

    oidc_token {
      service_account_email = var.push_identity
      audience              = google_cloudfunctions2_function.copy[each.value.region].service_config[0].uri
    }
  }

  dynamic "dead_letter_policy" {
    for_each = each.value.dead == null ? [] : [each.value.dead]

    content {
      dead_letter_topic     = "projects/${var.project}/topics/${dead_letter_policy.value}"
      max_delivery_attempts = 20
    }
  }

  depends_on = [google_cloud_run_service_iam_member.invoker]
}

# Pub/Sub takes what was given up on away from the subscription.
resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = { for key, heard in local.heard : key => heard if heard.dead != null }

  project      = var.project
  subscription = google_pubsub_subscription.heard[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
