namespace PageTableEmu.Mm;

/// <summary>
/// One transfer between pinned pages and a device, made by <see cref="DmaEngine{TArch, TModel}"/>. It belongs to whoever started it and ends with
/// <see cref="DmaEngine{TArch, TModel}.Complete"/>.
/// </summary>
public sealed class DmaTransfer
{
    internal DmaTransfer(DmaDirection direction, GupFlags flags, ulong start, int length, uint[] frames)
    {
        Direction = direction;
        Flags = flags;
        Start = start;
        Length = length;
        Frames = frames;
    }

    /// <summary>Which way the data goes.</summary>
    public DmaDirection Direction { get; }

    /// <summary>First virtual address.</summary>
    public ulong Start { get; }

    /// <summary>Bytes.</summary>
    public int Length { get; }

    /// <summary>The pinned frames in the order of their addresses: what a device's scatter list holds.</summary>
    public ReadOnlySpan<uint> PinnedFrames => Frames;

    internal GupFlags Flags { get; }

    internal uint[] Frames { get; private set; }

    internal bool IsOver => Frames.Length == 0;

    internal void End() => Frames = [];
}
