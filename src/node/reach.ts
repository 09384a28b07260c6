/** Neighbours and routes as people and programs see them. */
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import { isWired, type Link } from '../link/link.ts';
import type { Heard } from '../mesh/earshot.ts';
import { bandwidthOf, msOf } from '../mesh/metric.ts';
import type { RouteView } from '../mesh/router.ts';
import type { NeighbourStatus, RouteEntry } from './nexus-node.ts';

/** The contact's name for a node, where there is one. */
export type NameOfNode = (id: NodeId) => string | undefined;

export function neighbourStatus(heard: Heard, link: Link, nameOf: NameOfNode, now: number): NeighbourStatus {
  const { nodeId } = heard;
  const neighbour = link.neighbour(nodeId);
  const { linked, medium, quality } = neighbour;
  const name = nameOf(nodeId);
  // how its beacons sound on the air says nothing of a wire
  const beacons = isWired(neighbour) ? undefined : heard;
  const rssiDbm = quality.rssiDbm ?? beacons?.rssiDbm;
  const snrDb = quality.snrDb ?? beacons?.snrDb;
  return {
    nodeId: nodeIdKey(nodeId),
    medium,
    ...(name === undefined ? {} : { name }),
    heardMsAgo: Math.round(now - heard.at),
    ...(rssiDbm === undefined ? {} : { rssiDbm }),
    ...(snrDb === undefined ? {} : { snrDb }),
    etx: Number(heard.meter.etx.toFixed(2)),
    linked: linked || link.shared.isMutual(nodeId),
  };
}

export function routeEntry({ awaited, best, known, nodeId }: RouteView, nameOf: NameOfNode): RouteEntry {
  const name = nameOf(nodeId);
  const node = { nodeId: nodeIdKey(nodeId), ...(name === undefined ? {} : { name }), alternatives: known };
  const named = (via: string) => {
    const viaName = nameOf(nodeIdFromKey(via));
    return { via, ...(viaName === undefined ? {} : { viaName }) };
  };
  if (!best) return awaited === undefined ? node : { ...node, awaited: named(awaited) };
  const { cost, route } = best;
  const bandwidth = bandwidthOf(cost.bottleneck);
  return {
    ...node,
    alternatives: known - 1,
    next: {
      ...named(route.via),
      hops: cost.hops,
      ...(cost.away ? { away: true } : {}),
      airtimeMs: Math.round(msOf(cost.metric)),
      ...(Number.isFinite(bandwidth) ? { bandwidthBps: Math.round(bandwidth) } : {}),
    },
  };
}
