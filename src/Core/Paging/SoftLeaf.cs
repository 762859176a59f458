using System.Runtime.CompilerServices;

namespace PageTableEmu.Paging;

/// <summary>
/// A non-present entry, classified totally and independent of architecture and numbering (the kernel's softleaf_t and its predicates,
/// include/linux/leafops.h). <see cref="Decode{TArch}"/> accepts every 64-bit word; nothing is ever "just not present".
/// </summary>
/// <example>
/// <code>
/// SoftLeaf leaf = SoftLeaf.Decode&lt;X64FourLevel&gt;(new Pte(0x0fffffffffff7c0a), machine.Context.SwapTypes);
/// if (leaf.Kind == SoftLeafKind.Swap)
///     Console.WriteLine($"area {leaf.Type}, slot {leaf.Offset:x}, {leaf.Marks}");
/// </code>
/// </example>
public readonly struct SoftLeaf : IEquatable<SoftLeaf>
{
    private readonly ulong value;
    private readonly byte kind;
    private readonly byte type;
    private readonly byte marks;
    private readonly byte age;

    private SoftLeaf(SoftLeafKind kind, uint type, ulong value, SoftLeafMarks marks, int age)
    {
        this.value = value;
        this.kind = (byte)kind;
        this.type = (byte)type;
        this.marks = (byte)marks;
        this.age = (byte)age;
    }

    /// <summary>What the entry is.</summary>
    public SoftLeafKind Kind => (SoftLeafKind)kind;

    /// <summary>Swap area of a <see cref="SoftLeafKind.Swap"/> entry, type field of an <see cref="SoftLeafKind.Invalid"/> one; otherwise 0.</summary>
    public uint Type => type;

    /// <summary>
    /// Slot of a swap entry, bits of a marker, offset field of an invalid entry; for entries that name a frame see <see cref="Frame"/>.
    /// </summary>
    public ulong Offset => IsFrameKind(Kind) ? 0 : value;

    /// <summary>Frame number of a migration, poison or device entry, without the accessed and dirty bits above it; otherwise 0.</summary>
    public ulong Frame => IsFrameKind(Kind) ? value : 0;

    /// <summary>Bits of a marker; otherwise none.</summary>
    public PteMarkers Markers => Kind == SoftLeafKind.Marker ? (PteMarkers)value : PteMarkers.None;

    /// <summary>Marks beside type and offset.</summary>
    public SoftLeafMarks Marks => (SoftLeafMarks)marks;

    /// <summary>Of a migration entry: the page was accessed.</summary>
    public bool IsYoung => (age & Young) != 0;

    /// <summary>Of a migration entry: the page was written through this mapping.</summary>
    public bool IsDirty => (age & Dirty) != 0;

    /// <summary>The exclusive mark of a swap entry.</summary>
    public bool IsExclusive => (Marks & SoftLeafMarks.Exclusive) != 0;

    /// <summary>The soft-dirty mark.</summary>
    public bool IsSoftDirty => (Marks & SoftLeafMarks.SoftDirty) != 0;

    /// <summary>The userfaultfd write-protect mark.</summary>
    public bool IsUffdWp => (Marks & SoftLeafMarks.UffdWp) != 0;

    /// <summary>One of the three kinds of migration entry.</summary>
    public bool IsMigration => Kind is SoftLeafKind.MigrationRead or SoftLeafKind.MigrationReadExclusive or SoftLeafKind.MigrationWrite;

    /// <summary>Names a frame.</summary>
    public bool HasFrame => IsFrameKind(Kind);

    /// <summary>Equality of everything.</summary>
    public static bool operator ==(SoftLeaf left, SoftLeaf right) => left.Equals(right);

    /// <summary>Inequality of anything.</summary>
    public static bool operator !=(SoftLeaf left, SoftLeaf right) => !left.Equals(right);

    /// <summary>An entry of a swap area.</summary>
    /// <param name="area">Number of the area.</param>
    /// <param name="slot">Slot in the area.</param>
    /// <param name="marks">Marks.</param>
    /// <exception cref="ArgumentOutOfRangeException">The area is not a generic swap type.</exception>
    public static SoftLeaf OfSwap(uint area, ulong slot, SoftLeafMarks marks = SoftLeafMarks.None)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(area, SwapTypeLayout.TypeCount);
        return new SoftLeaf(SoftLeafKind.Swap, area, slot, marks, 0);
    }

    /// <summary>An entry that names a frame: migration, poison, device.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="frame">Frame number.</param>
    /// <param name="marks">Marks.</param>
    /// <param name="young">The page was accessed; migration only.</param>
    /// <param name="dirty">The page was written; migration only.</param>
    /// <exception cref="ArgumentException">The kind names no frame, or is not a migration and shall be young or dirty.</exception>
    public static SoftLeaf OfFrame(SoftLeafKind kind, ulong frame, SoftLeafMarks marks = SoftLeafMarks.None, bool young = false, bool dirty = false)
    {
        if (!IsFrameKind(kind))
            throw new ArgumentException($"An entry of kind {kind} names no frame.", nameof(kind));
        var leaf = new SoftLeaf(kind, 0, frame, marks, (young ? Young : 0) | (dirty ? Dirty : 0));
        if (leaf.age != 0 && !leaf.IsMigration)
            throw new ArgumentException($"An entry of kind {kind} cannot be young or dirty.", nameof(kind));
        return leaf;
    }

    /// <summary>A marker.</summary>
    /// <param name="markers">At least one bit.</param>
    /// <param name="marks">Marks.</param>
    /// <exception cref="ArgumentException">No bit is set.</exception>
    public static SoftLeaf OfMarker(PteMarkers markers, SoftLeafMarks marks = SoftLeafMarks.None)
    {
        if (markers == PteMarkers.None)
            throw new ArgumentException("A marker without a bit is no marker.", nameof(markers));
        return new SoftLeaf(SoftLeafKind.Marker, 0, (ulong)markers, marks, 0);
    }

    /// <summary>The entry of a page whose swap-in failed (6.1).</summary>
    public static SoftLeaf OfSwapinError(SoftLeafMarks marks = SoftLeafMarks.None) => new(SoftLeafKind.SwapinError, 0, 0, marks, 0);

    /// <summary>Classifies a word.</summary>
    /// <param name="entry">Any word of a table.</param>
    /// <param name="types">Numbering of the special types.</param>
    /// <param name="level">Level of the table. Swap entries exist at level 1 only; of the others, hugetlb pages use all at every level.</param>
    public static SoftLeaf Decode<TArch>(Pte entry, in SwapTypeLayout types, int level = 1)
        where TArch : struct, IArchitecture
    {
        if (TArch.IsNone(entry, level))
            return default;
        if (TArch.IsPresent(entry, level))
            return new SoftLeaf(SoftLeafKind.Present, 0, 0, SoftLeafMarks.None, 0);
        ulong rest = RestOf<TArch>(entry);
        return Classify<TArch>(entry, TArch.IsNone(new Pte(rest), level), in types, level);
    }

    /// <summary>
    /// Classifies a word of a format whose present entries are not modelled; the caller knows that it is neither none nor present.
    /// </summary>
    /// <param name="entry">The word.</param>
    /// <param name="types">Numbering of the special types.</param>
    /// <param name="level">Level of the table. Swap entries exist at level 1 only.</param>
    public static SoftLeaf DecodeSwapForm<TFormat>(Pte entry, in SwapTypeLayout types, int level = 1)
        where TFormat : struct, ISwapFormat =>
        Classify<TFormat>(entry, RestOf<TFormat>(entry) == 0, in types, level);

    /// <summary>
    /// The word of an entry: the inverse of <see cref="Decode{TArch}"/> for every kind but <see cref="SoftLeafKind.Present"/>. Bits that
    /// are neither type, nor offset, nor mark are not remembered.
    /// </summary>
    /// <param name="types">Numbering of the special types.</param>
    /// <exception cref="InvalidOperationException">The kernel or the architecture has no entry of this kind, or its value does not fit.</exception>
    public Pte Encode<TArch>(in SwapTypeLayout types)
        where TArch : struct, ISwapFormat
    {
        if (Kind == SoftLeafKind.None)
            return default;
        if (Kind == SoftLeafKind.Present)
            throw new InvalidOperationException("A present entry has no non-present form.");
        uint number = Kind is SoftLeafKind.Swap or SoftLeafKind.Invalid ? type : NumberOf(Kind, in types);
        if (number == SwapTypeLayout.Absent)
            throw new InvalidOperationException($"A kernel with this numbering has no entry of kind {Kind}.");
        if (Kind == SoftLeafKind.Swap && number >= types.MaxSwapFiles)
            throw new InvalidOperationException($"Swap area {number} is not below the limit of {types.MaxSwapFiles}.");
        if (IsFrameKind(Kind) && value >> TArch.FrameNumberBits != 0)
            throw new InvalidOperationException($"Frame number {value:x} has more than {TArch.FrameNumberBits} bits.");
        if (Kind == SoftLeafKind.Marker && (value & ~(ulong)types.Markers) != 0)
            throw new InvalidOperationException($"This kernel knows the markers {types.Markers}, not {Markers}.");
        ulong offset = value | ((ulong)(types.MigrationAgeBits ? age : 0) << TArch.FrameNumberBits);
        if (offset >> TArch.SwapOffsetBits != 0)
            throw new InvalidOperationException($"Offset {offset:x} has more than {TArch.SwapOffsetBits} bits.");
        return Mark<TArch>(TArch.EncodeSwap(number, offset), Marks);
    }

    /// <inheritdoc/>
    public bool Equals(SoftLeaf other) =>
        value == other.value && kind == other.kind && type == other.type && marks == other.marks && age == other.age;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SoftLeaf other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(value, kind, type, marks, age);

    /// <summary>Whether entries of a kind name a frame.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsFrameKind(SoftLeafKind kind) => kind is >= SoftLeafKind.MigrationRead and <= SoftLeafKind.DeviceExclusiveWrite;

    /// <summary>What a special type number means; <see cref="SoftLeafKind.Invalid"/> if nothing.</summary>
    public static SoftLeafKind KindOf(uint type, in SwapTypeLayout types)
    {
        if (type < types.MaxSwapFiles)
            return SoftLeafKind.Swap;
        for (SoftLeafKind kind = SoftLeafKind.MigrationRead; kind < SoftLeafKind.Invalid; kind++)
        {
            if (NumberOf(kind, in types) == type)
                return kind;
        }

        return SoftLeafKind.Invalid;
    }

    /// <summary>Type number of a kind; <see cref="SwapTypeLayout.Absent"/> if the kernel has none or the kind has no number of its own.</summary>
    public static uint NumberOf(SoftLeafKind kind, in SwapTypeLayout types) => kind switch
    {
        SoftLeafKind.MigrationRead => types.MigrationRead,
        SoftLeafKind.MigrationReadExclusive => types.MigrationReadExclusive,
        SoftLeafKind.MigrationWrite => types.MigrationWrite,
        SoftLeafKind.HwPoison => types.HwPoison,
        SoftLeafKind.DevicePrivateRead => types.DevicePrivateRead,
        SoftLeafKind.DevicePrivateWrite => types.DevicePrivateWrite,
        SoftLeafKind.DeviceExclusive => types.DeviceExclusive,
        SoftLeafKind.DeviceExclusiveRead => types.DeviceExclusiveRead,
        SoftLeafKind.DeviceExclusiveWrite => types.DeviceExclusiveWrite,
        SoftLeafKind.Marker => types.PteMarker,
        SoftLeafKind.SwapinError => types.SwapinError,
        _ => SwapTypeLayout.Absent,
    };

    // What is left over when type, offset and marks are taken away may only be bits that the architecture ignores in empty entries.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong RestOf<TArch>(Pte entry)
        where TArch : struct, ISwapFormat =>
        entry.Raw ^ Mark<TArch>(TArch.EncodeSwap(TArch.SwapType(entry), TArch.SwapOffset(entry)), MarksOf<TArch>(entry)).Raw;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static SoftLeaf Classify<TArch>(Pte entry, bool wellFormed, in SwapTypeLayout types, int level)
        where TArch : struct, ISwapFormat
    {
        uint type = TArch.SwapType(entry);
        ulong offset = TArch.SwapOffset(entry);
        SoftLeafMarks marks = MarksOf<TArch>(entry);
        SoftLeafKind kind = wellFormed ? KindOf(type, in types) : SoftLeafKind.Invalid;
        return kind switch
        {
            SoftLeafKind.Swap when level == 1 => new SoftLeaf(kind, type, offset, marks, 0),
            SoftLeafKind.Marker when offset != 0 && (offset & ~(ulong)types.Markers) == 0 => new SoftLeaf(kind, 0, offset, marks, 0),
            SoftLeafKind.SwapinError => new SoftLeaf(kind, 0, offset, marks, 0),
            _ when IsFrameKind(kind) => DecodeFrame<TArch>(kind, type, offset, marks, types.MigrationAgeBits),
            _ => new SoftLeaf(SoftLeafKind.Invalid, type, offset, marks, 0),
        };
    }

    private static SoftLeaf DecodeFrame<TArch>(SoftLeafKind kind, uint type, ulong offset, SoftLeafMarks marks, bool ageBits)
        where TArch : struct, ISwapFormat
    {
        ulong frame = offset & ((1UL << TArch.FrameNumberBits) - 1);
        ulong above = offset >> TArch.FrameNumberBits;
        ulong allowed = ageBits && kind <= SoftLeafKind.MigrationWrite ? Young | Dirty : 0UL;
        return (above & ~allowed) == 0
            ? new SoftLeaf(kind, 0, frame, marks, (int)above)
            : new SoftLeaf(SoftLeafKind.Invalid, type, offset, marks, 0);
    }

    private static SoftLeafMarks MarksOf<TArch>(Pte entry)
        where TArch : struct, ISwapFormat =>
        (TArch.IsSwapExclusive(entry) ? SoftLeafMarks.Exclusive : 0)
        | (TArch.IsSwapSoftDirty(entry) ? SoftLeafMarks.SoftDirty : 0)
        | (TArch.IsSwapUffdWp(entry) ? SoftLeafMarks.UffdWp : 0);

    private static Pte Mark<TArch>(Pte entry, SoftLeafMarks marks)
        where TArch : struct, ISwapFormat
    {
        if ((marks & SoftLeafMarks.Exclusive) != 0)
            entry = TArch.MakeSwapExclusive(entry);
        if ((marks & SoftLeafMarks.SoftDirty) != 0)
            entry = TArch.MakeSwapSoftDirty(entry);
        return (marks & SoftLeafMarks.UffdWp) != 0 ? TArch.MakeSwapUffdWp(entry) : entry;
    }

    // Of a migration entry: the two bits just above the frame number, in this order.
    private const int Young = 1;
    private const int Dirty = Young << 1;
}
