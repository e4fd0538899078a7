# A message on dr-ticks each minute, from every control region: one of the two goes on when a region is gone, and two ticks in a minute
# find no more to do than one.

resource "google_cloud_scheduler_job" "tick" {
  for_each = var.regions

  project     = var.project
  region      = each.key
  name        = "dr-tick"
  description = "dr-autopilot: wakes tick. Pausing it in every region stops the safety net."
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = var.topic_id
    data       = base64encode("tick")
  }

  # A minute that was missed is not made up for: the next one comes in a minute.
  retry_config {
    retry_count = 0
  }
}

# Scheduler's own identity publishes; nobody else may, since what a tick says is believed.
resource "google_pubsub_topic_iam_member" "scheduler" {
  project = var.project
  topic   = var.topic_name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${var.project_number}@gcp-sa-cloudscheduler.iam.gserviceaccount.com"
}
