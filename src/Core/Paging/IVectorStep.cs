using System.Runtime.Intrinsics;

namespace PageTableEmu.Paging;

/// <summary>What a <see cref="VectorPass{TStep}"/> makes of words, each by itself.</summary>
internal interface IVectorStep
{
    /// <summary>Eight results.</summary>
    static abstract Vector512<ulong> Of(Vector512<ulong> words);

    /// <summary>Four results.</summary>
    static abstract Vector256<ulong> Of(Vector256<ulong> words);
}
