# Needs the provider's schema: terraform init && terraform test, where a registry with it can be reached. Not run yet.

mock_provider "google" {}

variables {
  project        = "coditect-prod"
  project_number = "123456789012"
  name           = "dr-commands"
  publishers     = { oncall = "group:oncall@example.com" }
}

run "keeps_dead_letters" {
  command = plan

  assert {
    condition     = google_pubsub_topic.dead.name == "dr-commands-dead"
    error_message = "tick hears dead letters on TOPIC-dead."
  }

  assert {
    condition     = google_pubsub_topic.this.message_retention_duration == "604800s"
    error_message = "A message that nobody took is kept for seven days."
  }
}

run "refuses_another_name" {
  command = plan

  variables {
    name = "alerts"
  }

  expect_failures = [var.name]
}
