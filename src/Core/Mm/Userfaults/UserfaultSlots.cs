using System.Runtime.CompilerServices;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>All slots of a machine.</summary>
/// <seealso cref="UserfaultQueue{TArch, TModel}"/>
[InlineArray(Count)]
public struct UserfaultSlots
{
    /// <summary>So many threads can wait at a time; one more gets its message back instead.</summary>
    public const int Count = 16;

    private UserfaultSlot first;
}
