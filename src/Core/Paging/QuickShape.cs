using System.Numerics;
using System.Runtime.CompilerServices;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <summary>
/// The constants of an architecture's quick walk, each a number of its own: the JIT compiles such as immediate operands, and a walk made of them
/// stays within what it is ready to inline.
/// </summary>
internal static class QuickShape<TArch>
    where TArch : IArchitecture
{
    internal static readonly int PageShift = TArch.PageShift;
    internal static readonly int RecordShift = TArch.PageShift - BitOperations.Log2((uint)Unsafe.SizeOf<FrameRecord>());
    internal static readonly ulong PageMask = (1UL << TArch.PageShift) - 1;
    internal static readonly ulong PlainLeafFrame = TArch.PlainLeafFrame;
    internal static readonly ulong SettledLeaf = TArch.SettledLeaf;

    // For each level: by how much an address is shifted for the distance of its entry in the table, and the bits of that distance.
    internal static readonly int Shift1 = Shift(1);
    internal static readonly int Shift2 = Shift(2);
    internal static readonly int Shift3 = Shift(3);
    internal static readonly int Shift4 = Shift(4);
    internal static readonly int Shift5 = Shift(5);
    internal static readonly ulong Index1 = Index(1);
    internal static readonly ulong Index2 = Index(2);
    internal static readonly ulong Index3 = Index(3);
    internal static readonly ulong Index4 = Index(4);
    internal static readonly ulong Index5 = Index(5);

    // By how much an address is shifted for the index of its entry in the root, and the largest index.
    internal static readonly int RootShift = TArch.LevelShift(TArch.Levels);
    internal static readonly ulong RootIndex = (1UL << TArch.LevelBits(TArch.Levels)) - 1;

    // Where indices are signed: the largest of the lower half, and what takes the extension of the sign away from one of the upper half.
    internal static readonly ulong LowerHalf = RootIndex / 2;
    internal static readonly ulong Unextended = RootIndex - (ulong.MaxValue >> RootShift);

    // For each level above the first: the bits of a pointer to a table that count, those of them that are not its address, and how much more they
    // are than the table's RamView distance.
    internal static readonly ulong Keep2 = Keep(2);
    internal static readonly ulong Keep3 = Keep(3);
    internal static readonly ulong Keep4 = Keep(4);
    internal static readonly ulong Keep5 = Keep(5);
    internal static readonly ulong Marks2 = Marks(2);
    internal static readonly ulong Marks3 = Marks(3);
    internal static readonly ulong Marks4 = Marks(4);
    internal static readonly ulong Marks5 = Marks(5);
    internal static readonly ulong Less2 = Less(2);
    internal static readonly ulong Less3 = Less(3);
    internal static readonly ulong Less4 = Less(4);
    internal static readonly ulong Less5 = Less(5);

    private static int Shift(int level) => level <= TArch.Levels ? TArch.LevelShift(level) - 3 : 0;

    private static ulong Index(int level) => level <= TArch.Levels ? ((1UL << TArch.LevelBits(level)) - 1) << 3 : 0;

    private static ulong Keep(int level) => level <= TArch.Levels ? ~TArch.TableIgnores(level) : 0;

    private static ulong Marks(int level) => level <= TArch.Levels ? TArch.TableMarks(level) : 0;

    private static ulong Less(int level) => level <= TArch.Levels ? TArch.TableMarks(level) + (1UL << TArch.PageShift) : 0;
}
