import type { FunctionCode } from '../analysis/function-code.ts';
import { findLive } from '../analysis/liveness.ts';
import { type CountdownRegions, findRegions, noRegions } from '../analysis/regions.ts';
import { findSites, OperandMap, type Site } from '../analysis/sites.ts';
import { SuspendError } from '../module/error.ts';
import { limits } from '../module/limits.ts';
import { op } from '../module/opcodes.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import { bankLimit, type RewriteContext } from './context.ts';
import {
  carrier,
  caughtStride,
  caughtTypes,
  frameSlots,
  maxInts,
  maxLongs,
  port,
  type Slot,
  slotKey,
} from './layout.ts';

/** A construct that is open in the output. */
interface Open {
  readonly opener: number;
  /** Labels in the output outside this construct's own that the original does not have. */
  readonly extra: number;
  /** Sum of `extra` up to and with this one. */
  readonly extraSum: number;
  /** `end`s to write behind the construct's own. */
  readonly closes: number;
  /** Set on the part of a construct that a continuation resumes inside. */
  readonly resumed: 'body' | 'arm' | 'identified' | undefined;
}

/**
 * How a frame is captured: by a landing pad of the site's own (what it saves lives across the site anyway, so the
 * normal path costs next to nothing, but it takes space), or by the function's handler, to which a local tells the
 * site. Sites in loops have pads; so have those of functions with at most `fewSites`, where a handler saves no space.
 */
export type CaptureShape = 'pad' | 'handler';

const fewSites = 2;

/** Where a resumed function gets its values from and how it goes on inwards. */
export interface Resumption {
  /** No polls and no capture in the resumed code: for exported modules. */
  readonly plain: boolean;
  /** Writes code that leaves the frame's next value. */
  value(out: ByteWriter, type: number): void;
  /** Writes code that runs the inner frame and leaves the results of the call at the site, or throws. */
  inner(out: ByteWriter, results: Uint8Array): void;
}

/** Rewrites one decoded function at a time. The shape of what it writes is explained in docs/suspend.md. */
export class Rewriter {
  readonly context: RewriteContext;
  readonly map: OperandMap = new OperandMap();
  readonly out: ByteWriter = new ByteWriter(1 << 16);
  #regions: CountdownRegions = noRegions;
  readonly #handled = new Set<Site>();
  /** Types of locals added behind the function's own. */
  readonly addedLocals: number[] = [];
  readonly #temps = new Map<number, number>();
  readonly #caughtLocals = new Map<number, number>();
  #caughtTypesOnce: Uint8Array | undefined;
  #site = -1;
  #fuel = -1;
  #loaded = -1;
  #scratch = -1;
  #open: Open[] = [];
  #copied = 0;
  /** A continuation that starts at a poll must not poll again before it has moved. */
  #skipPollAt = -1;

  constructor(context: RewriteContext) {
    this.context = context;
  }

  get #code(): RewriteContext['code'] {
    return this.context.code;
  }

  /** Decodes and analyses a function; returns whether it has sites. */
  analyse(index: number): boolean {
    const code = this.#code.decode(index);
    findSites(code, this.context.graph, this.map);
    findLive(code, this.map);
    this.#regions = findRegions(code);
    this.#handled.clear();
    this.#chooseShapes();
    this.addedLocals.length = 0;
    this.#temps.clear();
    this.#caughtLocals.clear();
    this.#site = -1;
    this.#fuel = -1;
    this.#loaded = -1;
    this.#scratch = -1;
    this.#open = [{ opener: -1, extra: 0, extraSum: 0, closes: 0, resumed: undefined }];
    this.#skipPollAt = -1;
    this.out.clear();
    return this.map.sites.length > 0;
  }

  #chooseShapes(): void {
    const code = this.#code;
    const { sites } = this.map;
    // A pad inside a user's try would throw into its handlers: the function's handler takes everything then.
    if (code.exceptions !== 'none') {
      for (const site of sites) this.#handled.add(site);
      return;
    }
    let loopEnd = -1;
    let at = 0;
    for (const site of sites) {
      for (; at <= site.instruction; at++) if (code.code[at] === op.loop) loopEnd = Math.max(loopEnd, code.a[at]!);
      if (site.kind !== 'loop' && site.instruction > loopEnd) this.#handled.add(site);
    }
    if (this.#handled.size <= fewSites) this.#handled.clear();
  }

  /** The body of the analysed function with polls and capture, local declarations included. */
  instrument(): ByteWriter {
    const code = this.#code;
    this.#enter();
    const entry = this.map.sites[0];
    if (entry?.kind === 'entry') this.#globalPoll(entry, entryWeight(code.count));
    this.#run(0);
    this.#leave();
    return this.#withLocals(code.params);
  }

  /**
   * The body of a function without parameters that goes on from `site` and returns what the function returns.
   * `remake`: the site's call is made again with the arguments in the frame; otherwise the inner frame is to run.
   */
  resume(site: Site, remake: boolean, resumption: Resumption): ByteWriter {
    const { out } = this;
    const code = this.#code;
    const i = site.instruction;
    const slots = this.slots(site);
    if (resumption.plain) this.#forgetSites();
    for (const slot of slots) {
      resumption.value(out, slot.type);
      out.u8(op.localSet).u32(this.#slotLocal(slot));
    }
    if (this.#regions.any) this.#load();
    this.#enter();
    const path = this.#pathTo(i);
    let height = 0;
    const pushOperands = (to: number): void => {
      for (; height < to; height++) out.u8(op.localGet).u32(this.#temp(height, site.operands[height]!));
    };
    for (const { opener, arm, base } of path) {
      pushOperands(base);
      this.#openResumed(opener, arm);
    }
    if (site.kind === 'call' && !remake) {
      // What of `operands` are arguments is gone: the call has been made.
      pushOperands(site.withArguments ? this.#heightBelowArguments(i, site) : site.operands.length);
      resumption.inner(out, this.#callSignature(i).results);
      this.#copied = code.pos[i + 1]!;
      if (code.code[i] === op.returnCall || code.code[i] === op.returnCallIndirect) out.u8(op.return);
      else if (this.map.kept[i]) this.#keep(i);
      this.#run(i + 1);
    } else {
      pushOperands(site.operands.length);
      if (site.kind === 'loop' && !resumption.plain) this.#skipPollAt = i;
      this.#run(Math.max(i, 0));
    }
    this.#leave();
    return this.#withLocals(0);
  }

  /** From here on code is copied as it is: no polls, no capture. */
  #forgetSites(): void {
    const { count } = this.#code;
    this.map.siteAt.fill(-1, 0, count);
    this.map.kept.fill(0, 0, count);
    this.map.sites = [];
    this.#handled.clear();
    this.#regions = noRegions;
  }

  // --- the function's frame

  #enter(): void {
    const { out, context } = this;
    const code = this.#code;
    this.#copied = code.start;
    if (this.#handled.size === 0) return;
    this.#site = this.newLocal(valueType.i32);
    const { results } = code.signature(code.index);
    if (context.form === 'legacy') {
      out.u8(op.try);
      this.#blockType([], results);
    } else {
      out.put(op.block, 0x40, op.tryTable);
      this.#blockType([], results);
      out.put(1, 0x00).u32(context.added.tag).u8(0);
    }
  }

  #leave(): void {
    const { out, context } = this;
    const { tag } = context.added;
    const settles = this.#regions.any && this.#regions.settle[this.#code.count - 1] === 1;
    if (this.#handled.size === 0) {
      if (settles) this.#settle();
      out.u8(op.end);
    } else if (context.form === 'legacy') {
      out.u8(op.catch).u32(tag);
      this.#handlerSave();
      out.put(op.rethrow, 0, op.end);
      if (settles) this.#settle();
      out.u8(op.end);
    } else {
      out.u8(op.end);
      if (settles) this.#settle();
      out.put(op.return, op.end);
      this.#handlerSave();
      out.u8(op.throw).u32(tag).u8(op.end);
    }
  }

  /** Nothing if a pad has saved the frame already, which has then cleared the site local. */
  #handlerSave(): void {
    const { out } = this;
    const mixed = this.#handled.size < this.map.sites.length;
    if (mixed) out.u8(op.localGet).u32(this.#site).put(op.if, 0x40);
    this.#save(this.unionSlots(), undefined);
    if (mixed) out.u8(op.end);
  }

  #clearSite(): void {
    if (this.#site >= 0) this.out.put(op.i32Const, 0, op.localSet).u32(this.#site);
  }

  #withLocals(declaredFrom: number): ByteWriter {
    const code = this.#code;
    if (code.locals + this.addedLocals.length > limits.functionLocals) {
      throw new SuspendError(
        'module-too-large',
        `function ${code.index} needs more than ${limits.functionLocals} locals`,
        {
          offset: code.bodyStart,
        },
      );
    }
    const groups: [count: number, type: number][] = [];
    const declare = (type: number): void => {
      const last = groups.at(-1);
      if (last && last[1] === type) last[0]++;
      else groups.push([1, type]);
    };
    for (let i = declaredFrom; i < code.locals; i++) declare(code.localTypes[i]!);
    for (const type of this.addedLocals) declare(type);
    const body = new ByteWriter(this.out.length + 16 + groups.length * 4);
    body.u32(groups.length);
    for (const [count, type] of groups) body.u32(count).u8(type);
    return body.copy(this.out.bytes, 0, this.out.length);
  }

  /** The values of a frame at a site, in the order of their saving where each site saves its own. */
  slots(site: Site): Slot[] {
    return frameSlots(site, this.#code.localTypes, site.caught.length > 0 ? this.#caughtTypes : []);
  }

  shape(site: Site): CaptureShape {
    return this.#handled.has(site) ? 'handler' : 'pad';
  }

  /** Values that any of the handler's sites needs, in the order in which it saves them. */
  unionSlots(): Slot[] {
    const found = new Map<number, Slot>();
    for (const site of this.#handled) for (const slot of this.slots(site)) found.set(slotKey(slot), slot);
    return [...found.entries()].sort(([x], [y]) => x - y).map(([, slot]) => slot);
  }

  get #caughtTypes(): Uint8Array {
    this.#caughtTypesOnce ??= caughtTypes(this.context.module);
    return this.#caughtTypesOnce;
  }

  newLocal(type: number): number {
    return this.#code.locals + this.addedLocals.push(type) - 1;
  }

  /** The local that mirrors the operand at a height; two operands never share height and type at one time. */
  #temp(height: number, type: number): number {
    const key = height * 256 + type;
    let local = this.#temps.get(key);
    if (local === undefined) {
      local = this.newLocal(type);
      this.#temps.set(key, local);
    }
    return local;
  }

  #slotLocal({ kind, index, type }: Slot): number {
    if (kind === 'caught') return this.#caughtLocal(index, type);
    return kind === 'local' ? index : this.#temp(index, type);
  }

  #caughtLocal(index: number, type: number): number {
    let local = this.#caughtLocals.get(index);
    if (local === undefined) {
      local = this.newLocal(type);
      this.#caughtLocals.set(index, local);
    }
    return local;
  }

  #blockType(params: ArrayLike<number>, results: ArrayLike<number>): void {
    if (params.length === 0 && results.length === 0) this.out.u8(0x40);
    else if (params.length === 0 && results.length === 1) this.out.u8(results[0]!);
    else this.out.s32(this.context.types.index(params, results));
  }

  // --- the instructions

  #flush(to: number): void {
    this.out.copy(this.context.module.bytes, this.#copied, to);
    this.#copied = to;
  }

  #run(from: number): void {
    const { out, map, context } = this;
    const code = this.#code;
    const { a, b, pos } = code;
    const { settle, load, any } = this.#regions;
    const { kept, siteAt, dead } = map;
    const remapCalls = context.mapFunction !== undefined;
    this.#copied = pos[from]!;
    for (let i = from; ; i++) {
      switch (code.code[i]) {
        case op.try:
          if (this.#identifies(i)) {
            this.#flush(pos[i]!);
            out.u8(op.try);
            this.#blockType(code.blockParams(code.type[i]!), code.blockResults(code.type[i]!));
            this.#push(i, 1, 0, 'identified');
            break;
          }
          this.#push(i, 0, 0);
          break;
        case op.block:
        case op.if:
          this.#push(i, 0, 0);
          break;
        case op.loop:
          if (any && load[i]) {
            this.#flush(pos[i]!);
            this.#load();
          }
          if (this.#skipPollAt === i) {
            this.#flush(pos[i]!);
            this.#repay(i);
          }
          this.#flush(pos[i + 1]!);
          this.#push(i, 0, 0);
          if (any && settle[i]) this.#settle();
          if (kept[i]) this.#keep(i);
          if (siteAt[i]! >= 0) this.#loopPoll(map.sites[siteAt[i]!]!, i);
          continue;
        case op.tryTable:
          this.#flush(pos[i]!);
          this.#tryTable(i);
          this.#copied = pos[i + 1]!;
          this.#push(i, 0, 0);
          break;
        case op.else: {
          const top = this.#open.at(-1)!;
          if (top.resumed === 'body') {
            // The other arm of an `if` that is resumed inside its first: left out.
            this.#flush(pos[i]!);
            i = a[top.opener]! - 1;
            this.#copied = pos[i + 1]!;
          }
          continue;
        }
        case op.catch:
        case op.catchAll: {
          const top = this.#open.at(-1)!;
          if (top.resumed === 'arm') {
            this.#flush(pos[i]!);
            i = a[top.opener]! - 1;
            this.#copied = pos[i + 1]!;
            continue;
          }
          if (top.resumed === 'identified') {
            this.#flush(pos[i]!);
            this.#identify(top.opener);
            this.#open.pop();
            this.#push(top.opener, 0, 0);
          }
          if (code.code[i] === op.catchAll && map.sites.length > 0) {
            this.#flush(pos[i]!);
            out.u8(op.catch).u32(context.added.tag).put(op.rethrow, 0);
          }
          break;
        }
        case op.end: {
          if (b[i]! < 0) {
            this.#flush(pos[i]!);
            return;
          }
          const top = this.#open.pop()!;
          if (top.resumed === 'body' && code.code[top.opener] === op.loop) {
            // The resumed turn of the loop is over; branches to its head land here, and the loop itself follows.
            this.#flush(pos[i]!);
            out.put(op.br, 1, op.end);
            this.#copied = pos[top.opener]!;
            this.#pendingExtra = 1;
            i = top.opener - 1;
            continue;
          }
          if (top.closes > 0) {
            this.#flush(pos[i + 1]!);
            for (let k = 0; k < top.closes; k++) out.u8(op.end);
          }
          if (any && settle[i]) {
            this.#flush(pos[i + 1]!);
            this.#settle();
          }
          break;
        }
        case op.delegate: {
          this.#open.pop();
          this.#label(i, op.delegate, a[i]!);
          break;
        }
        case op.rethrow: {
          const target = this.#open[this.#open.length - 1 - a[i]!]!;
          if (target.resumed === 'arm') {
            this.#flush(pos[i]!);
            this.#throwAgain(target.opener);
            this.#copied = pos[i + 1]!;
          } else {
            this.#label(i, op.rethrow, a[i]!);
          }
          break;
        }
        case op.br:
        case op.brIf:
          this.#label(i, code.code[i]!, a[i]!);
          break;
        case op.brTable:
          if (this.#open.at(-1)!.extraSum > 0) {
            this.#flush(pos[i]!);
            const targets = code.branchTargets(i);
            out.u8(op.brTable).u32(targets.length - 1);
            for (const target of targets) out.u32(this.#depth(target));
            this.#copied = pos[i + 1]!;
          }
          break;
        case op.return:
          if (any && settle[i]) {
            this.#flush(pos[i]!);
            this.#settle();
          }
          break;
        case op.returnCall:
        case op.returnCallIndirect:
          if (any && settle[i]) {
            this.#flush(pos[i]!);
            this.#settle();
          }
          if (siteAt[i]! >= 0 && !dead[i]) {
            this.#flush(pos[i]!);
            this.#callSite(i, map.sites[siteAt[i]!]!);
            out.u8(op.return);
            this.#copied = pos[i + 1]!;
          } else if (remapCalls && code.code[i] === op.returnCall) this.#mappedCall(i, op.returnCall);
          break;
        case op.call:
        case op.callIndirect:
          if (siteAt[i]! >= 0 && !dead[i]) {
            this.#flush(pos[i]!);
            this.#callSite(i, map.sites[siteAt[i]!]!);
            this.#copied = pos[i + 1]!;
          } else if (remapCalls && code.code[i] === op.call) {
            this.#mappedCall(i, op.call);
          }
          break;
        case op.refFunc:
          if (remapCalls) this.#mappedCall(i, op.refFunc);
          break;
        case op.dataDrop:
        case op.elemDrop:
          this.#dropFlag(i);
          break;
        case op.memoryInit:
        case op.tableInit:
          this.#segment(i);
          break;
      }
      if (kept[i]) {
        this.#flush(pos[i + 1]!);
        this.#keep(i);
      }
    }
  }

  #pendingExtra = 0;

  #push(opener: number, extra: number, closes: number, resumed?: Open['resumed']): void {
    const more = this.#pendingExtra;
    this.#pendingExtra = 0;
    const extraSum = this.#open.at(-1)!.extraSum + extra + more;
    this.#open.push({ opener, extra: extra + more, extraSum, closes: closes + more, resumed });
  }

  /** The depth in the output of the label that is at `depth` in the original. */
  #depth(depth: number): number {
    const open = this.#open;
    return depth + open.at(-1)!.extraSum - open[open.length - 1 - depth]!.extraSum;
  }

  #label(i: number, code: number, depth: number): void {
    const mapped = this.#depth(depth);
    if (mapped === depth) return;
    const { pos } = this.#code;
    this.#flush(pos[i]!);
    this.out.u8(code).u32(mapped);
    this.#copied = pos[i + 1]!;
  }

  #mappedCall(i: number, code: number): void {
    const { pos, a } = this.#code;
    this.#flush(pos[i]!);
    this.out.u8(code).u32(this.context.mapFunction!(a[i]!));
    this.#copied = pos[i + 1]!;
  }

  #tryTable(i: number, resumed = false): void {
    const { out, context } = this;
    const code = this.#code;
    const clauses = code.catches(i);
    out.u8(op.tryTable);
    this.#blockType(resumed ? [] : code.blockParams(code.type[i]!), code.blockResults(code.type[i]!));
    const passes = this.#handled.size > 0 && clauses.some(({ kind }) => kind >= 2);
    out.u32(clauses.length + (passes ? 1 : 0));
    // Ours goes straight to the function's handler, before a clause that would take everything.
    if (passes)
      out
        .u8(0)
        .u32(context.added.tag)
        .u32(this.#depth(this.#open.length - 1) + 1);
    for (const { kind, tag, label } of clauses) {
      out.u8(kind);
      if (kind < 2) out.u32(tag);
      out.u32(this.#depth(label));
    }
  }

  /** Mirrors the values that instruction i has just pushed, because a site above them needs them. */
  #keep(i: number): void {
    const { out, map } = this;
    const types = this.#pushedTypes(i);
    const height = map.height[i]!;
    if (types.length === 1) {
      out.u8(op.localTee).u32(this.#temp(height, types[0]!));
      return;
    }
    for (let k = types.length - 1; k >= 0; k--) out.u8(op.localSet).u32(this.#temp(height + k, types[k]!));
    for (let k = 0; k < types.length; k++) out.u8(op.localGet).u32(this.#temp(height + k, types[k]!));
  }

  #pushedTypes(i: number): ArrayLike<number> {
    const code = this.#code;
    switch (code.code[i]) {
      case op.end:
      case op.delegate:
        return code.blockResults(code.type[code.b[i]!]!);
      case op.loop:
        return code.blockParams(code.type[i]!);
      case op.catch:
        return this.context.module.types[this.context.module.tags[code.a[i]!]!]!.params;
      case op.call:
      case op.callIndirect:
        return this.#callSignature(i).results;
      default:
        return [this.map.pushed[i]!];
    }
  }

  #callSignature(i: number): { params: Uint8Array; results: Uint8Array } {
    const code = this.#code;
    return this.#isDirect(i) ? code.signature(code.a[i]!) : this.context.module.types[code.a[i]!]!;
  }

  #isDirect(i: number): boolean {
    const c = this.#code.code[i];
    return c === op.call || c === op.returnCall;
  }

  #heightBelowArguments(i: number, site: Site): number {
    const indirect = this.#isDirect(i) ? 0 : 1;
    return site.operands.length - this.#callSignature(i).params.length - indirect;
  }

  // --- sites

  #writeCall(i: number): void {
    const { out, context } = this;
    const code = this.#code;
    if (this.#isDirect(i)) out.u8(op.call).u32(context.mapFunction?.(code.a[i]!) ?? code.a[i]!);
    else out.u8(op.callIndirect).u32(code.a[i]!).u32(code.b[i]!);
  }

  #callSite(i: number, site: Site): void {
    const { params, results } = this.#callSignature(i);
    const args = this.#isDirect(i) ? params : [...params, valueType.i32];
    if (!this.#isDirect(i) && this.context.module.tables[this.#code.b[i]!]!.index64) {
      (args as number[])[params.length] = valueType.i64;
    }
    this.#guarded(site, args, results, () => this.#writeCall(i));
  }

  /** A call that may be left by our tag. */
  #guarded(site: Site, args: ArrayLike<number>, results: ArrayLike<number>, call: () => void): void {
    const { out, context } = this;
    if (this.shape(site) === 'handler') {
      this.#setSite(site);
      call();
      return;
    }
    const { tag } = context.added;
    if (context.form === 'legacy') {
      out.u8(op.try);
      this.#blockType(args, results);
      call();
      out.u8(op.catch).u32(tag);
      this.#save(this.slots(site), site.offset);
      this.#clearSite();
      out.put(op.rethrow, 0, op.end);
      return;
    }
    out.u8(op.block);
    this.#blockType(args, results);
    out.u8(op.block);
    this.#blockType(args, []);
    out.u8(op.tryTable);
    this.#blockType(args, results);
    out.put(1, 0x00).u32(tag).u8(0);
    call();
    out.put(op.end, op.br, 1, op.end);
    this.#save(this.slots(site), site.offset);
    this.#clearSite();
    out.u8(op.throw).u32(tag).u8(op.end);
  }

  #setSite(site: Site): void {
    const code = this.#code;
    this.out.u8(op.i32Const).s32(site.offset - (code.bodyStart - code.sectionStart) + 1);
    this.out.u8(op.localSet).u32(this.#site);
  }

  /** Asks the host; it answers whether to suspend, and the code throws: a throw of the host would cost a handler. */
  #pollCall(site: Site): void {
    const { out, context } = this;
    out.u8(op.i32Const).s32(port.poll);
    out
      .u8(op.callIndirect)
      .u32(context.types.index([], [valueType.i32]))
      .u32(context.added.portTable);
    out.put(op.if, 0x40);
    if (this.shape(site) === 'handler') this.#setSite(site);
    else {
      this.#save(this.slots(site), site.offset);
      this.#clearSite();
    }
    out.u8(op.throw).u32(context.added.tag).u8(op.end);
  }

  #globalPoll(site: Site, weight: number): void {
    const { out } = this;
    const { fuel } = this.context.added;
    if (this.#scratch < 0) this.#scratch = this.newLocal(valueType.i32);
    out.u8(op.globalGet).u32(fuel).u8(op.i32Const).s32(weight).u8(op.i32Sub);
    out.u8(op.localTee).u32(this.#scratch).u8(op.globalSet).u32(fuel);
    out.u8(op.localGet).u32(this.#scratch).put(op.i32Const, 0, op.i32LtS, op.if, 0x40);
    this.#pollCall(site);
    out.u8(op.end);
  }

  #loopPoll(site: Site, i: number): void {
    const { out, context } = this;
    const code = this.#code;
    const weight = loopWeight(code, i);
    if (code.calls[i] !== 0) {
      this.#globalPoll(site, weight);
      return;
    }
    out.u8(op.localGet).u32(this.#fuel).u8(op.i32Const).s32(weight).u8(op.i32Sub);
    out.u8(op.localTee).u32(this.#fuel).put(op.i32Const, 0, op.i32LtS, op.if, 0x40);
    const slots = this.slots(site);
    if (this.shape(site) === 'handler') {
      this.#setSite(site);
      out.u8(op.throw).u32(context.added.tag);
    } else if (bankable(slots)) {
      this.#bank(slots, site.offset);
      this.#clearSite();
      out.u8(op.throw).u32(context.added.tag);
    } else {
      this.#settle();
      this.#pollCall(site);
      this.#load();
    }
    out.u8(op.end);
  }

  /** Gives back in advance what the first poll of the loop at i will take, so that it does not fire again at once. */
  #repay(i: number): void {
    const { out } = this;
    const code = this.#code;
    this.#skipPollAt = -1;
    const weight = loopWeight(code, i);
    if (code.calls[i] !== 0) {
      const { fuel } = this.context.added;
      out.u8(op.globalGet).u32(fuel).u8(op.i32Const).s32(weight).u8(op.i32Add).u8(op.globalSet).u32(fuel);
    } else {
      out.u8(op.localGet).u32(this.#fuel).u8(op.i32Const).s32(weight).u8(op.i32Add).u8(op.localSet).u32(this.#fuel);
    }
  }

  /** Reads the global countdown into the local one, with the extra that loops get whose polls do not return. */
  #load(): void {
    const { out } = this;
    const { fuel, slack } = this.context.added;
    if (this.#fuel < 0) {
      this.#fuel = this.newLocal(valueType.i32);
      this.#loaded = this.newLocal(valueType.i32);
    }
    out.u8(op.globalGet).u32(fuel).u8(op.globalGet).u32(slack).u8(op.i32Add);
    out.u8(op.localTee).u32(this.#fuel).u8(op.localSet).u32(this.#loaded);
  }

  /** Takes what the local countdown has used since it was loaded off the global one; nothing if it was not loaded. */
  #settle(): void {
    const { out } = this;
    const { fuel } = this.context.added;
    if (this.#fuel < 0) {
      this.#fuel = this.newLocal(valueType.i32);
      this.#loaded = this.newLocal(valueType.i32);
    }
    out.u8(op.globalGet).u32(fuel).u8(op.localGet).u32(this.#loaded).u8(op.localGet).u32(this.#fuel);
    out.put(op.i32Sub, op.i32Sub).u8(op.globalSet).u32(fuel);
    out.u8(op.localGet).u32(this.#fuel).u8(op.localSet).u32(this.#loaded);
  }

  // --- saving and restoring

  /** Saves values through the port; `offset` undefined: the site is in the site local. */
  #save(slots: readonly Slot[], offset: number | undefined): void {
    const { out, context } = this;
    const code = this.#code;
    const ints: (() => void)[] = [];
    const longs: (() => void)[] = [];
    const signature = (params: number[]): number => context.types.index(params, []);
    for (const slot of slots) {
      const local = this.#slotLocal(slot);
      const get = (): ByteWriter => out.u8(op.localGet).u32(local);
      switch (slot.type) {
        case valueType.i32:
          ints.push(get);
          break;
        case valueType.f32:
          ints.push(() => get().u8(0xbc));
          break;
        case valueType.i64:
          longs.push(get);
          break;
        case valueType.f64:
          longs.push(() => get().u8(0xbd));
          break;
        case valueType.v128:
          longs.push(() => get().u8(0xfd).u32(0x1d).u8(0));
          longs.push(() => get().u8(0xfd).u32(0x1d).u8(1));
          break;
        case valueType.exnref:
          // The table grows by one; the old size is where the exception is.
          ints.push(() => get().put(op.i32Const, 1, 0xfc, 0x0f).u32(context.added.exceptionTable));
          break;
        default: {
          const external = slot.type === valueType.externref;
          get();
          out.u8(op.i32Const).s32(external ? port.saveExternref : port.saveFuncref);
          out
            .u8(op.callIndirect)
            .u32(signature([slot.type]))
            .u32(context.added.portTable);
        }
      }
    }
    let nextInt = 0;
    let nextLong = 0;
    for (;;) {
      const takeInts = Math.min(maxInts, ints.length - nextInt);
      const takeLongs = Math.min(maxLongs, longs.length - nextLong);
      for (let k = 0; k < takeInts; k++) ints[nextInt++]!();
      for (let k = 0; k < takeLongs; k++) longs[nextLong++]!();
      const last = nextInt === ints.length && nextLong === longs.length;
      if (!last) {
        out.put(op.i32Const, 0x7f);
      } else if (offset === undefined) {
        // The local counts from 1 at the body, so that a stale 0 would be seen.
        out.u8(op.localGet).u32(this.#site);
        out
          .u8(op.i32Const)
          .s32(code.bodyStart - code.sectionStart - 1)
          .u8(op.i32Add);
      } else {
        out.u8(op.i32Const).s32(offset);
      }
      out.u8(op.i32Const).s32(context.ports.slot(takeInts, takeLongs));
      const params = [...Array<number>(takeInts).fill(valueType.i32), ...Array<number>(takeLongs).fill(valueType.i64)];
      out
        .u8(op.callIndirect)
        .u32(signature([...params, valueType.i32]))
        .u32(context.added.portTable);
      if (last) return;
    }
  }

  /** Saves values in globals: no call, so that nothing in the loop lives across one. */
  #bank(slots: readonly Slot[], offset: number): void {
    const { out, context } = this;
    let ints = 0;
    let longs = 0;
    const toInt = (): void => {
      out.u8(op.globalSet).u32(context.added.bank + 2 * ints++);
    };
    const toLong = (): void => {
      out.u8(op.globalSet).u32(context.added.bank + 2 * longs++ + 1);
    };
    for (const slot of slots) {
      const local = this.#slotLocal(slot);
      const get = (): ByteWriter => out.u8(op.localGet).u32(local);
      switch (slot.type) {
        case valueType.i32:
          get();
          toInt();
          break;
        case valueType.f32:
          get().u8(0xbc);
          toInt();
          break;
        case valueType.i64:
          get();
          toLong();
          break;
        case valueType.f64:
          get().u8(0xbd);
          toLong();
          break;
        default:
          for (const lane of [0, 1]) {
            get().u8(0xfd).u32(0x1d).u8(lane);
            toLong();
          }
      }
    }
    out.u8(op.i32Const).s32(offset).u8(op.globalSet).u32(context.added.bankSite);
    context.ports.bankInts = Math.max(context.ports.bankInts, ints);
    context.ports.bankLongs = Math.max(context.ports.bankLongs, longs);
  }

  // --- continuations

  /** The constructs that are open at instruction i, outermost first, with the height below each one's parameters. */
  #pathTo(i: number): { opener: number; arm: 'body' | 'else' | 'handler'; base: number }[] {
    const code = this.#code;
    const path: { opener: number; arm: 'body' | 'else' | 'handler'; base: number }[] = [];
    for (let k = 0; k < i; k++) {
      switch (code.code[k]) {
        case op.block:
        case op.loop:
        case op.if:
        case op.try:
        case op.tryTable:
          path.push({ opener: k, arm: 'body', base: this.map.base[k]! });
          break;
        case op.else:
          path.at(-1)!.arm = 'else';
          break;
        case op.catch:
        case op.catchAll:
          path.at(-1)!.arm = 'handler';
          break;
        case op.end:
        case op.delegate:
          path.pop();
          break;
      }
    }
    return path;
  }

  /** Whether instruction i of the analysed function is in the body of a `try` or `try_table`. */
  insideTry(i: number): boolean {
    return this.#pathTo(i).some(
      ({ opener, arm }) =>
        arm === 'body' && (this.#code.code[opener] === op.try || this.#code.code[opener] === op.tryTable),
    );
  }

  #openResumed(opener: number, arm: 'body' | 'else' | 'handler'): void {
    const { out } = this;
    const code = this.#code;
    const type = code.type[opener]!;
    const results = code.blockResults(type);
    switch (code.code[opener]) {
      case op.loop:
        out.u8(op.block);
        this.#blockType([], results);
        out.u8(op.block);
        this.#blockType([], code.blockParams(type));
        this.#push(opener, 1, 0, 'body');
        return;
      case op.try:
        if (arm === 'body') {
          const identified = this.#identifies(opener);
          for (let k = identified ? 0 : 1; k < 2; k++) {
            out.u8(op.try);
            this.#blockType([], results);
          }
          this.#push(opener, identified ? 1 : 0, 0, identified ? 'identified' : undefined);
          return;
        }
        out.u8(op.block);
        this.#blockType([], results);
        this.#push(opener, 0, 0, 'arm');
        return;
      case op.tryTable: {
        this.#tryTable(opener, true);
        this.#push(opener, 0, 0);
        return;
      }
      default:
        out.u8(op.block);
        this.#blockType([], results);
        this.#push(opener, 0, 0, code.code[opener] === op.if && arm === 'body' ? 'body' : undefined);
    }
  }

  // --- legacy handlers

  /** Whether handlers of the `try` at i have to know what they handle. */
  #identifies(i: number): boolean {
    return this.map.rethrown.has(i) && this.map.sites.length > 0;
  }

  /** Ends an inner `try` around the body that notes what was thrown and throws it on to the handlers proper. */
  #identify(opener: number): void {
    const { out, context } = this;
    const { module } = context;
    const types = this.#caughtTypes;
    const local = (k: number): number => this.#caughtLocal(opener * caughtStride + k, types[k]!);
    out.u8(op.catch).u32(context.added.tag).put(op.rethrow, 0);
    let first = 1;
    module.tags.forEach((tag, number) => {
      const { params } = module.types[tag]!;
      out.u8(op.catch).u32(number);
      for (let k = params.length - 1; k >= 0; k--) out.u8(op.localSet).u32(local(first + k));
      first += params.length;
      out
        .u8(op.i32Const)
        .s32(number + 1)
        .u8(op.localSet)
        .u32(local(0))
        .put(op.rethrow, 0);
    });
    out.put(op.catchAll, op.i32Const, 0, op.localSet).u32(local(0)).put(op.rethrow, 0, op.end);
  }

  /** In a handler that was resumed the exception is not at hand: an equal one is thrown. */
  #throwAgain(opener: number): void {
    const { out, context } = this;
    const { module } = context;
    const types = this.#caughtTypes;
    const local = (k: number): number => this.#caughtLocal(opener * caughtStride + k, types[k]!);
    let first = 1;
    module.tags.forEach((tag, number) => {
      const { params } = module.types[tag]!;
      out
        .u8(op.localGet)
        .u32(local(0))
        .u8(op.i32Const)
        .s32(number + 1)
        .put(0x46, op.if, 0x40);
      for (let k = 0; k < params.length; k++) out.u8(op.localGet).u32(local(first + k));
      first += params.length;
      out.u8(op.throw).u32(number).u8(op.end);
    });
    if (context.rethrowForeign) out.u8(op.call).u32(context.rethrowForeign());
    out.u8(op.unreachable);
  }

  // --- segments

  #dropFlag(i: number): void {
    const { out, context } = this;
    const { code, a, pos } = this.#code;
    const isData = code[i] === op.dataDrop;
    const { data, elements } = context.droppable;
    if (context.droppable.data.length + elements.length === 0) return;
    const at = isData ? data.indexOf(a[i]!) : data.length + elements.indexOf(a[i]!);
    this.#flush(pos[i]!);
    out.put(op.i32Const, 1, op.globalSet).u32(context.added.firstDropFlag + at);
    this.#segment(i);
  }

  #segment(i: number): void {
    const { context } = this;
    if (!context.segmentHelper) return;
    const { code, a, b, pos } = this.#code;
    this.#flush(pos[i]!);
    this.out.u8(op.call).u32(context.segmentHelper(code[i]!, a[i]!, b[i]!));
    this.#copied = pos[i + 1]!;
  }
}

function loopWeight(code: FunctionCode, i: number): number {
  return Math.min(code.weight[i]!, 0xffff);
}

function entryWeight(instructions: number): number {
  return Math.min(8 + (instructions >> 3), 1024);
}

function bankable(slots: readonly Slot[]): boolean {
  let ints = 0;
  let longs = 0;
  for (const { type } of slots) {
    const kind = carrier(type);
    if (kind === 'int') ints++;
    else if (kind === 'long') longs += type === valueType.v128 ? 2 : 1;
    else return false;
  }
  return ints <= bankLimit && longs <= bankLimit;
}
