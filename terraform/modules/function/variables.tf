variable "behind_load_balancer" {
  type        = bool
  description = "Whether a load balancer leads to it. Otherwise only Google's own services and the project's networks do."
  default     = false
}

variable "build_service_account" {
  type        = string
  description = "Id of the service account that builds it, projects/P/serviceAccounts/E."
}

variable "database" {
  type        = string
  description = "Name of the Firestore database."
}

variable "description" {
  type        = string
  description = "What the function is for, in one sentence."
}

variable "environment" {
  type        = map(string)
  description = "Environment beside what every function has (docs/configuration.md)."
  default     = {}
}

variable "environment_by_region" {
  type        = map(map(string))
  description = "Environment that differs from one copy to the other, by region."
  default     = {}
}

variable "instances_max" {
  type        = number
  description = "Instances that one copy may have at most: a bound on what a storm could cost."
  default     = 10
}

variable "invokers" {
  type        = map(string)
  description = "IAM members that may call it, by a name of your choice that stays. Everybody else is refused."
}

variable "labels" {
  type        = map(string)
  description = "Labels of everything here."
  default     = {}
}

variable "name" {
  type        = string
  description = "Which function: its entry point, and part of every name."

  validation {
    condition     = contains(["approve", "classify", "heal", "notify", "recover", "status", "tick"], var.name)
    error_message = "The entry points are those of functions/index.ts."
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

variable "push_identity" {
  type        = string
  description = "E-mail of the service account as which Pub/Sub calls."
}

variable "regions" {
  type        = set(string)
  description = "Control regions; a copy runs in each."
}

variable "secrets" {
  type        = map(string)
  description = "Secrets that are mounted as /keys/NAME/value, by NAME. Their newest version, read when an instance starts."
  default     = {}
}

variable "source_archive" {
  type = object({
    bucket = string
    object = string
  })
  description = "The bundle in Cloud Storage. Another bundle has another name."
}

variable "store_role" {
  type        = string
  description = "Role on the database: roles/datastore.user, or roles/datastore.viewer for what only reads."
  default     = "roles/datastore.user"

  validation {
    condition     = contains(["roles/datastore.user", "roles/datastore.viewer"], var.store_role)
    error_message = "Nothing of ours needs more than roles/datastore.user."
  }
}

variable "topics" {
  type = map(object({
    topic = string
    dead  = optional(string)
  }))
  description = "Topics that it hears, by their name, each with the topic of its dead letters. One without dead letters is delivered until it expires."
  default     = {}
}

variable "vpc_connectors" {
  type        = map(string)
  description = "Ids of Serverless VPC Access connectors by region, for functions that talk to private addresses."
  default     = {}
}
