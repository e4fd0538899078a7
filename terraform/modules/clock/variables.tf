variable "project" {
  type        = string
  description = "The project."
}

variable "project_number" {
  type        = string
  description = "Its number."
}

variable "regions" {
  type        = set(string)
  description = "Control regions; a job runs in each."
}

variable "topic_id" {
  type        = string
  description = "Id of the topic dr-ticks."
}

variable "topic_name" {
  type        = string
  description = "Its name."
}
