variable "labels" {
  type        = map(string)
  description = "Labels of both topics."
  default     = {}
}

variable "name" {
  type        = string
  description = "Name of the topic, one of those in shared/system/names.ts. Dead letters go to NAME-dead."

  validation {
    condition     = startswith(var.name, "dr-")
    error_message = "The functions publish on topics named dr-…; shared/system/names.ts has the list."
  }
}

variable "project" {
  type        = string
  description = "Project in which the topics are made: the one that dr.yaml names, where the functions look for them."
}

variable "project_number" {
  type        = string
  description = "Its number, which is part of the name of Pub/Sub's own service account."
}

variable "publishers" {
  type        = map(string)
  description = "Who may publish, by a name of your choice that stays: IAM members, such as serviceAccount:dr-classify@…."
}
