variable "people_channels" {
  type        = list(string)
  description = "Names of notification channels that reach people past dr-autopilot, projects/P/notificationChannels/N. At least one: it can't report its own silence."

  validation {
    condition     = length(var.people_channels) > 0
    error_message = "Without a channel of their own nobody hears that dr-autopilot itself is down. Make one for mail or for the pager."
  }
}

variable "project" {
  type        = string
  description = "The project."
}

variable "project_number" {
  type        = string
  description = "Its number."
}

variable "service_maximum" {
  type        = map(number)
  description = "Maximum of instances of each Cloud Run application, by its id in dr.yaml."
}

variable "system" {
  type        = any
  description = "dr.yaml, decoded."
}

variable "topic_id" {
  type        = string
  description = "Id of the topic dr-alerts."
}

variable "topic_name" {
  type        = string
  description = "Its name."
}
