using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Replay.Machines;

/// <summary>
/// What takes hold of pages from outside the process: debuggers, O_DIRECT, registered buffers, pipes. The open ends belong to processes, are
/// inherited by fork, and let go of their pages when the last process closes them.
/// </summary>
internal sealed class PageHolders<TArch>(Machine<TArch, CheckedModel> machine)
    where TArch : struct, IArchitecture
{
    private const int NoSuchBuffers = 6;

    // Transfers are of one page, which answers with its size: scaled to the recorded machine's.
    private const long RecordedPageBytes = 4096;

    private readonly OpenEnds[] processes = [new(), new(), new(), new()];
    private readonly byte[] one = new byte[1];

    /// <summary>Performs one operation; not supported when it is none of these.</summary>
    internal OperationOutcome Execute(in ScriptOperation operation, uint space, ulong start, ulong length) => operation.Kind switch
    {
        OperationKind.VmRead => Peek(space, start, GupFlags.Pin | GupFlags.Touch, MmResult.Fault),
        OperationKind.VmWrite => Poke(space, start, GupFlags.Pin | GupFlags.Touch, (byte)operation.Value, MmResult.Fault),
        OperationKind.MemRead => Peek(space, start, GupFlags.Get | GupFlags.Force | GupFlags.Touch, MmResult.Io),
        OperationKind.MemWrite => Poke(space, start, GupFlags.Get | GupFlags.Force | GupFlags.Touch, (byte)operation.Value, MmResult.Io),
        OperationKind.DioRead => DirectRead(space, start, (byte)operation.Value),
        OperationKind.DioWrite => DirectWrite(space, start),
        OperationKind.Pin => Register(operation, space, start, length),
        OperationKind.Unpin => Unregister(operation),
        OperationKind.Splice => Splice(operation, space, start),
        OperationKind.Unsplice => Unsplice(operation),
        _ => OperationOutcome.NotSupported,
    };

    /// <summary>The child gets all open ends of its parent.</summary>
    internal void Fork(int parent, int child)
    {
        OpenEnds from = processes[parent];
        var to = new OpenEnds { LastByte = from.LastByte };
        foreach ((int number, Pipe pipe) in from.Pipes)
        {
            pipe.Holders++;
            to.Pipes.Add(number, pipe);
        }

        foreach ((int number, Buffers buffers) in from.Buffers)
        {
            buffers.Holders++;
            to.Buffers.Add(number, buffers);
        }

        processes[child] = to;
    }

    /// <summary>The process's open ends are closed.</summary>
    internal void Exit(int process)
    {
        foreach (Pipe pipe in processes[process].Pipes.Values)
            Close(pipe);
        foreach (Buffers buffers in processes[process].Buffers.Values)
            Close(buffers);
        processes[process] = new OpenEnds();
    }

    /// <summary>References to frames that are held now.</summary>
    internal Dictionary<uint, uint> Held()
    {
        var held = new Dictionary<uint, uint>();
        void Add(uint frame, uint references)
        {
            if (frame != 0 && frame != machine.Context.Folios.ZeroFrame)
                held[frame] = held.GetValueOrDefault(frame) + references;
        }

        foreach (Pipe pipe in processes.SelectMany(ends => ends.Pipes.Values).Distinct())
            Add(pipe.Frame, 1);
        foreach (Buffers buffers in processes.SelectMany(ends => ends.Buffers.Values).Distinct())
        {
            foreach (uint frame in buffers.Transfer is { } transfer ? transfer.PinnedFrames : [])
                Add(frame, machine.Context.Frames.PinReferences(frame));
        }

        return held;
    }

    private static OperationOutcome With(OperationOutcome outcome, in FaultCounters counters) =>
        outcome with { MinorFaults = counters.Minor, MajorFaults = counters.Major };

    /// <summary>One byte of another process (process_vm_readv, /proc/pid/mem); the faults count for the reader, which is not observed.</summary>
    private OperationOutcome Peek(uint space, ulong address, GupFlags flags, MmResult failure)
    {
        var unobserved = new FaultCounters();
        if (machine.Gup.TryTake(space, address, flags, out uint frame, ref unobserved) != MmResult.Ok)
            return OperationOutcome.Failed((int)failure);
        byte value = machine.Context.Frames.Bytes(frame)[0];
        machine.Gup.Put(frame, flags);
        return OperationOutcome.Done(1, value);
    }

    private OperationOutcome Poke(uint space, ulong address, GupFlags flags, byte value, MmResult failure)
    {
        var unobserved = new FaultCounters();
        flags |= GupFlags.Write;
        if (machine.Gup.TryTake(space, address, flags, out uint frame, ref unobserved) != MmResult.Ok)
            return OperationOutcome.Failed((int)failure);
        one[0] = value;
        SharedBytes<CheckedModel>.Copy(one, machine.Context.Frames.Bytes(frame)[..1]);
        machine.Gup.Put(frame, flags);
        return OperationOutcome.Done(1);
    }

    private OperationOutcome DirectRead(uint space, ulong address, byte value)
    {
        var counters = new FaultCounters();
        byte[] data = new byte[1 << TArch.PageShift];
        Array.Fill(data, value);
        MmResult begun = machine.Dma.TryBegin(space, address, data.Length, DmaDirection.FromDevice, false, out DmaTransfer? transfer, ref counters);
        if (begun != MmResult.Ok)
            return With(OperationOutcome.Failed((int)begun), counters);
        machine.Dma.Write(transfer!, 0, data);
        machine.Dma.Complete(transfer!);
        return With(OperationOutcome.Done(RecordedPageBytes), counters);
    }

    private OperationOutcome DirectWrite(uint space, ulong address)
    {
        var counters = new FaultCounters();
        int length = 1 << TArch.PageShift;
        MmResult begun = machine.Dma.TryBegin(space, address, length, DmaDirection.ToDevice, false, out DmaTransfer? transfer, ref counters);
        if (begun != MmResult.Ok)
            return With(OperationOutcome.Failed((int)begun), counters);
        machine.Dma.Complete(transfer!);
        return With(OperationOutcome.Done(RecordedPageBytes), counters);
    }

    /// <summary>An io_uring with one registered buffer.</summary>
    private OperationOutcome Register(in ScriptOperation operation, uint space, ulong start, ulong length)
    {
        var counters = new FaultCounters();
        MmResult begun = machine.Dma.TryBegin(space, start, (int)length, DmaDirection.FromDevice, true, out DmaTransfer? transfer, ref counters);
        if (begun != MmResult.Ok)
            return With(OperationOutcome.Failed((int)begun), counters);
        processes[operation.Process].Buffers[operation.Resource] = new Buffers { Transfer = transfer };
        return With(OperationOutcome.Done(), counters);
    }

    private OperationOutcome Unregister(in ScriptOperation operation)
    {
        if (!processes[operation.Process].Buffers.Remove(operation.Resource, out Buffers? buffers))
            return OperationOutcome.Failed((int)MmResult.Invalid);
        bool registered = buffers.Transfer is not null;
        buffers.Unregister(machine.Dma);
        Close(buffers);
        return registered ? OperationOutcome.Done() : OperationOutcome.Failed(NoSuchBuffers);
    }

    /// <summary>vmsplice of one page into a new pipe; the pipe is there even if that fails.</summary>
    private OperationOutcome Splice(in ScriptOperation operation, uint space, ulong start)
    {
        var counters = new FaultCounters();
        var pipe = new Pipe();
        processes[operation.Process].Pipes[operation.Resource] = pipe;
        MmResult taken = machine.Gup.TryTake(space, start, GupFlags.Get, out uint frame, ref counters);
        if (taken != MmResult.Ok)
            return With(OperationOutcome.Failed((int)MmResult.Fault), counters);
        pipe.Frame = frame;
        return With(OperationOutcome.Done(RecordedPageBytes), counters);
    }

    /// <summary>Reads one byte from the pipe and closes it. From an empty pipe nothing is read: the last byte stands.</summary>
    private OperationOutcome Unsplice(in ScriptOperation operation)
    {
        OpenEnds mine = processes[operation.Process];
        if (!mine.Pipes.Remove(operation.Resource, out Pipe? pipe))
            return OperationOutcome.Failed((int)MmResult.BadDescriptor);
        if (pipe.Frame != 0)
            mine.LastByte = machine.Context.Frames.Bytes(pipe.Frame)[0];
        OperationOutcome outcome = pipe.Frame != 0
            ? OperationOutcome.Done(1, mine.LastByte)
            : OperationOutcome.Failed((int)MmResult.Again) with { Value = mine.LastByte };
        Close(pipe);
        return outcome;
    }

    private void Close(Pipe pipe)
    {
        if (--pipe.Holders == 0 && pipe.Frame != 0)
            machine.Gup.Put(pipe.Frame, GupFlags.Get);
    }

    private void Close(Buffers buffers)
    {
        if (--buffers.Holders == 0)
            buffers.Unregister(machine.Dma);
    }

    private sealed class OpenEnds
    {
        internal Dictionary<int, Pipe> Pipes { get; } = [];

        internal Dictionary<int, Buffers> Buffers { get; } = [];

        internal byte LastByte { get; set; }
    }

    private sealed class Pipe
    {
        internal int Holders { get; set; } = 1;

        internal uint Frame { get; set; }
    }

    private sealed class Buffers
    {
        internal int Holders { get; set; } = 1;

        internal DmaTransfer? Transfer { get; set; }

        internal void Unregister(DmaEngine<TArch, CheckedModel> dma)
        {
            if (Transfer is not null)
                dma.Complete(Transfer, markDirty: false);
            Transfer = null;
        }
    }
}
