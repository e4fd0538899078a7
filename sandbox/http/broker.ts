import type { PubsubApi } from '../world/broker-api.ts';
import type { PulledMessage } from '../world/broker-delivery.ts';
import type { Principal } from '../world/kernel.ts';
import type { Project } from '../world/project.ts';
import { memberOf } from '../world/storage-policy.ts';
import {
  acknowledgeWire,
  messageJson,
  modifyAckDeadlineWire,
  publishWire,
  pullWire,
  resource,
  subscriptionJson,
  subscriptionOf,
  subscriptionWire,
  topicWire,
} from './broker-json.ts';
import { answer } from './google-error.ts';
import { bodyOf, callerOf, checkProject, pageOf, queryOf } from './google-request.ts';
import type { HttpReply, HttpRequest, Route } from './router.ts';

// Pub/Sub v1 over REST as @google-cloud/pubsub's generated clients (with `fallback`) and `gcloud pubsub` call it.
// Pulling is for people: dead letters are read and published again with it. Nothing in the product pulls.

const TOPICS = String.raw`/v1/projects/(?<project>[^/]+)/topics`;
const TOPIC = String.raw`${TOPICS}/(?<topic>[^/:]+)`;
const SUBSCRIPTIONS = String.raw`/v1/projects/(?<project>[^/]+)/subscriptions`;
const SUBSCRIPTION = String.raw`${SUBSCRIPTIONS}/(?<subscription>[^/:]+)`;

/** Resources in a page at most, and messages in an answer to a pull. */
const PAGE_MAX = 1_000;

/** What Pub/Sub's routes are made with. */
export type PubsubParts = { readonly project: Project; readonly api: PubsubApi };

/** The routes of Pub/Sub v1. */
export function pubsubRoutes(parts: PubsubParts): readonly Route[] {
  return [...topicRoutes(parts), ...subscriptionRoutes(parts), ...consumerRoutes(parts)];
}

/** A route of the world's own project. */
function route(
  project: Project,
  method: string,
  pattern: string,
  handle: (request: HttpRequest, name: string) => HttpReply,
): Route {
  return {
    method,
    pattern: new RegExp(pattern),
    handle(request, params) {
      checkProject(project, params['project']);
      return handle(request, params['topic'] ?? params['subscription'] ?? '');
    },
  };
}

function topicRoutes({ project, api }: PubsubParts): readonly Route[] {
  const topicJson = (name: string): unknown => ({ name: resource(project.id, 'topics', name) });
  return [
    route(project, 'GET', TOPICS, (request) => {
      const { pageSize: size, pageToken: token } = queryOf(request, ['pageSize', 'pageToken']);
      return answer(api.topics(callerOf(request)), (all) => {
        const { items, ...rest } = pageOf(all, { size, token }, PAGE_MAX);
        return { topics: items.map(topicJson), ...rest };
      });
    }),
    route(project, 'GET', TOPIC, (request, topic) => {
      queryOf(request, []);
      return answer(api.topic(callerOf(request), topic), topicJson);
    }),
    route(project, 'GET', `${TOPIC}:getIamPolicy`, (request, topic) => {
      queryOf(request, ['options.requestedPolicyVersion']);
      return answer(api.publishers(callerOf(request), topic), publishersJson);
    }),
    route(project, 'PUT', TOPIC, (request, topic) => {
      queryOf(request, []);
      bodyOf(topicWire, request);
      return answer(api.createTopic(callerOf(request), topic), topicJson);
    }),
    route(project, 'POST', `${TOPIC}:publish`, (request, topic) => {
      queryOf(request, []);
      const drafts = bodyOf(publishWire, request);
      return answer(api.publish(callerOf(request), topic, drafts), (messageIds) => ({ messageIds }));
    }),
  ];
}

/** The policy of a topic: who may publish there. */
export const publishersJson = (principals: readonly Principal[]): unknown => ({
  version: 1,
  etag: 'BwYxtopic00=',
  ...(principals.length === 0
    ? {}
    : { bindings: [{ role: 'roles/pubsub.publisher', members: principals.map(memberOf) }] }),
});

function subscriptionRoutes({ project, api }: PubsubParts): readonly Route[] {
  return [
    route(project, 'GET', SUBSCRIPTIONS, (request) => {
      const { pageSize: size, pageToken: token } = queryOf(request, ['pageSize', 'pageToken']);
      return answer(api.subscriptions(callerOf(request)), (all) => {
        const { items, ...rest } = pageOf(all, { size, token }, PAGE_MAX);
        return { subscriptions: items.map((config) => subscriptionJson(project.id, config)), ...rest };
      });
    }),
    route(project, 'GET', SUBSCRIPTION, (request, name) => {
      queryOf(request, []);
      return answer(api.subscription(callerOf(request), name), (config) => subscriptionJson(project.id, config));
    }),
    route(project, 'PUT', SUBSCRIPTION, (request, name) => {
      queryOf(request, []);
      const wanted = subscriptionOf(project.id, name, bodyOf(subscriptionWire, request));
      return answer(api.createSubscription(callerOf(request), wanted), (made) => subscriptionJson(project.id, made));
    }),
    route(project, 'DELETE', SUBSCRIPTION, (request, name) => {
      queryOf(request, []);
      return answer(api.deleteSubscription(callerOf(request), name), () => ({}));
    }),
  ];
}

/** A pull answers at once, with nothing when nothing is due; Pub/Sub would wait a little first. */
function consumerRoutes({ project, api }: PubsubParts): readonly Route[] {
  return [
    route(project, 'POST', `${SUBSCRIPTION}:pull`, (request, name) => {
      queryOf(request, []);
      const { maxMessages } = bodyOf(pullWire, request);
      const pulled = api.pull(callerOf(request), name, Math.min(maxMessages, PAGE_MAX));
      return answer(pulled, (messages) => ({ receivedMessages: messages.map(receivedJson) }));
    }),
    route(project, 'POST', `${SUBSCRIPTION}:acknowledge`, (request, name) => {
      queryOf(request, []);
      const { ackIds } = bodyOf(acknowledgeWire, request);
      return answer(api.acknowledge(callerOf(request), name, ackIds), () => ({}));
    }),
    route(project, 'POST', `${SUBSCRIPTION}:modifyAckDeadline`, (request, name) => {
      queryOf(request, []);
      const { ackIds, ackDeadlineSeconds } = bodyOf(modifyAckDeadlineWire, request);
      return answer(api.modifyAckDeadline(callerOf(request), name, ackIds, ackDeadlineSeconds), () => ({}));
    }),
  ];
}

const receivedJson = ({ ackId, message, attempt }: PulledMessage): unknown => ({
  ackId,
  message: messageJson(message),
  ...(attempt === undefined ? {} : { deliveryAttempt: attempt }),
});
