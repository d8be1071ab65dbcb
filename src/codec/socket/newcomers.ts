/** First requests of connections, over all listeners and codecs. Whoever has been served before is served at once; those who come for the first time
 * take turns. Thousands who come at one moment, or come again and again since each of their requests was refused, then keep nobody waiting but
 * one another: between two of them the event loop serves everybody else. */
import { TurnQueue } from './turn-queue.ts';

/** A turn without other work takes some microseconds: few are no slower for those who wait here. libuv accepts one connection of each
 * listener in a turn: more than that cannot gather, as long as there are two. */
const EACH_TURN = 2;

export const newcomers = new TurnQueue(EACH_TURN);
