# What people hear of dr-autopilot itself, by channels that are none of ours: it can't report its own silence.

resource "google_monitoring_alert_policy" "dead_letters" {
  project               = var.project
  display_name          = "dr-autopilot has dead letters"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.people_channels

  documentation {
    content   = "A function gave up on a message after twenty tries. Dead letters of alerts and commands go to tick by themselves; of the other topics tick finds what is due. Read them with `gcloud pubsub subscriptions pull dr-TOPIC-dead`."
    mime_type = "text/markdown"
  }

  conditions {
    display_name = "A message was given up on"

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = starts_with(\"dr-\") AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.subscription_id"]
      }
    }
  }
}

resource "google_monitoring_alert_policy" "waiting" {
  project               = var.project
  display_name          = "dr-autopilot does not take its messages"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.people_channels

  documentation {
    content   = "A message waits for more than five minutes on a subscription of ours: functions or the store are down. Follow the runbook by hand."
    mime_type = "text/markdown"
  }

  conditions {
    display_name = "The oldest message waits for five minutes"

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = monitoring.regex.full_match(\"dr-(classify|heal|recover|notify|tick)-.*\") AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = 300
      # A worker holds its message for up to nine minutes; a copy that is away leaves all of its own.
      duration = "600s"

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
}

# Google's own word on an outage of a protected region: for people, since nothing is failed over on one signal.
resource "google_monitoring_alert_policy" "service_health" {
  project               = var.project
  display_name          = "Google reports an incident in a protected region"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.people_channels

  documentation {
    content   = "Service Health has a confirmed incident in a region of the protected system. dr-autopilot goes by its own observers; look whether it has an incident open."
    mime_type = "text/markdown"
  }

  conditions {
    display_name = "A confirmed incident in a protected region"

    condition_matched_log {
      filter = "labels.\"servicehealth.googleapis.com/new_event\"=true AND jsonPayload.detailedCategory=\"CONFIRMED_INCIDENT\" AND jsonPayload.impactedLocations =~ \"${join("|", var.system.system.protectedRegions)}\""
    }
  }

  alert_strategy {
    auto_close = "86400s"

    # Policies on logs tell of an opening alone, and need a rate.
    notification_rate_limit {
      period = "300s"
    }
  }
}
